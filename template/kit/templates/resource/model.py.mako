"""The table of ${resource.labels}."""

% for enumeration in enumerations:
class ${enumeration.name}(StrEnum):
    % for name, value in enumeration.members:
    ${name} = ${repr(value)}
    % endfor


% endfor
class ${resource.model}(${mixins}):
    """${sentence(with_article(resource.label))}."""

    __tablename__ = "${resource.table}"
% if table_arguments:
    __table_args__ = (
    % for argument in table_arguments:
        ${argument},
    % endfor
    )
% endif

% for column in columns:
    ${column}
% endfor
