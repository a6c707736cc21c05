(class_definition name: (_) @name) @class
(object_definition name: (_) @name) @class
(trait_definition name: (_) @name) @interface
(enum_definition name: (_) @name) @enum
(simple_enum_case name: (_) @name) @member
(full_enum_case name: (_) @name) @member
(package_object name: (_) @name) @module
(function_definition name: (_) @name) @function
(function_declaration name: (_) @name) @function
(type_definition name: (_) @name) @type
(given_definition name: (_) @name) @constant
(val_definition pattern: (identifier) @name) @constant
(var_definition pattern: (identifier) @name) @constant
(lambda_expression) @barrier
