; What a definition is in Python. Captures: the kind of a definition, its @name; @outer widens the one inside it.
(function_definition name: (identifier) @name) @function
(class_definition name: (identifier) @name) @class
(decorated_definition) @outer
(type_alias_statement . (type (identifier) @name)) @type
(type_alias_statement . (type (generic_type . (identifier) @name))) @type
(expression_statement (assignment left: (identifier) @name)) @constant
(expression_statement (assignment left: (pattern_list (identifier) @name))) @constant
