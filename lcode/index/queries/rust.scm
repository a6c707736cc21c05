(function_item name: (identifier) @name) @function
(function_signature_item name: (identifier) @name) @function
(struct_item name: (type_identifier) @name) @struct
(union_item name: (type_identifier) @name) @struct
(enum_item name: (type_identifier) @name) @enum
(enum_variant name: (identifier) @name) @member
(trait_item name: (type_identifier) @name) @interface
(type_item name: (type_identifier) @name) @type
(associated_type name: (type_identifier) @name) @member
(mod_item name: (identifier) @name) @module
(macro_definition name: (identifier) @name) @macro
(impl_item type: (_) @name) @impl
(const_item name: (identifier) @name) @constant
(static_item name: (identifier) @name) @constant
(source_file (macro_invocation (token_tree) @inject.rust))
(source_file (expression_statement (macro_invocation (token_tree) @inject.rust)))
(declaration_list (macro_invocation (token_tree) @inject.rust))
