(class_declaration name: (name) @name) @class
(interface_declaration name: (name) @name) @interface
(trait_declaration name: (name) @name) @interface
(enum_declaration name: (name) @name) @enum
(enum_case name: (name) @name) @member
(function_definition name: (name) @name) @function
(method_declaration name: (name) @name) @method
(const_element (name) @name) @constant
(function_call_expression function: [(name) @word.define (qualified_name (name) @word.define)]
  arguments: (arguments . (argument (string (string_content) @name)))) @constant
