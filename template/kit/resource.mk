# The make targets that generate a resource, which kit/make.mk includes.

RESOURCE_VALUES := name fields plural parent only owner soft_delete versioned idempotent diff migrate
VALUES += $(RESOURCE_VALUES)
# Only from the command line: an `owner` or a `name` in the environment would change what is written.
RESOURCE_UNTYPED := $(foreach _value,$(RESOURCE_VALUES),$(if $(filter command,$(firstword $(origin $(_value)))),,$(_value)))

##@ Resources

kit-resource: .venv/.synced ## Generate a tested API: name=product fields=...
	@unset $(RESOURCE_UNTYPED); python -m scripts.resource

kit-resource-destroy: .venv/.synced ## Delete what resource has generated: name=product
	@unset $(RESOURCE_UNTYPED); python -m scripts.resource destroy
