# The make targets of a service with accounts, which kit/make.mk includes.

VALUES += email name role

##@ Accounts

kit-user-create: .venv/.synced ## Create a user: email= name= role=admin
	@$(call refuse_empty,email name role)
	@[ -n "$$email" ] || { echo 'email required: make user-create email=ada@example.com name="Ada Lovelace" role=admin' >&2; exit 2; }
	@python -m scripts.accounts create "--email=$$email" "--name=$$name" "--role=$$role"

kit-user-promote: .venv/.synced ## Give a user a role: email= role=admin
	@$(call refuse_empty,email role)
	@[ -n "$$email" ] && [ -n "$$role" ] || { echo 'email and role required: make user-promote email=ada@example.com role=admin' >&2; exit 2; }
	@python -m scripts.accounts promote "--email=$$email" "--role=$$role"

kit-auth-clean: .venv/.synced ## Delete expired sessions, tokens, keys and limits
	@python -m scripts.accounts clean
