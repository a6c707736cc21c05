(class_declaration name: (identifier) @name) @class
(record_declaration name: (identifier) @name) @class
(struct_declaration name: (identifier) @name) @struct
(interface_declaration name: (identifier) @name) @interface
(enum_declaration name: (identifier) @name) @enum
(enum_member_declaration name: (identifier) @name) @member
(delegate_declaration name: (identifier) @name) @type
(method_declaration name: (identifier) @name) @method
(constructor_declaration name: (identifier) @name) @method
(destructor_declaration name: (identifier) @name) @method
(property_declaration name: (identifier) @name) @method
(event_declaration name: (identifier) @name) @method
(local_function_statement name: (identifier) @name) @function
(field_declaration (variable_declaration (variable_declarator name: (identifier) @name))) @constant
(indexer_declaration "this" @name) @method
