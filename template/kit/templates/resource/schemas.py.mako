"""Schemas of requests and responses of the ${resource.labels} API."""

% for alias in aliases:
${alias.name} = ${alias.code}
% endfor

% if "create" in resource.actions:
class ${resource.model}Create(Input):
    % for attribute in create_attributes:
    ${attribute.name}: ${attribute.type}${attribute.default}
    % endfor


% endif
% if "update" in resource.actions:
class ${resource.model}Update(Input):
    """The fields to change; fields that are left out keep their values."""

    % for attribute in update_attributes:
    ${attribute.name}: ${attribute.type}${attribute.default}
    % endfor


% endif
class ${resource.model}Read(Output):
% for attribute in read_attributes:
    ${attribute.name}: ${attribute.type}
% endfor
% if "list" in resource.actions:


class ${resource.model}Page(Page[${resource.model}Read]):
    pass


class ${resource.model}Query(PageQuery):
    """Filters, and the page."""

    % for filter in filters:
        % if filter.description:
    ${filter.parameter}: ${filter.type} | None = Field(default=None, description="${filter.description}")
        % else:
    ${filter.parameter}: ${filter.type} | None = None
        % endif
    % endfor
% endif
