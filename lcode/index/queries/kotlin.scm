(class_declaration "class" name: (identifier) @name) @class
(class_declaration "interface" name: (identifier) @name) @interface
(class_declaration name: (identifier) @name (enum_class_body)) @enum
(object_declaration name: (identifier) @name) @class
(companion_object) @namespace
(enum_entry (identifier) @name) @member
(function_declaration name: (identifier) @name) @function
(property_declaration (variable_declaration (identifier) @name) (getter)) @function
(property_declaration (variable_declaration (identifier) @name)) @constant
(type_alias (identifier) @name) @type
(lambda_literal) @barrier
(anonymous_function) @barrier
