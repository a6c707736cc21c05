; Shared with C++. A @declarator is followed to the name in it.
(function_definition declarator: (_) @declarator) @function
(struct_specifier name: (_) @name body: (_)) @struct
(union_specifier name: (_) @name body: (_)) @struct
(enum_specifier name: (_) @name body: (_)) @enum
(enumerator name: (identifier) @name) @member
(type_definition type: (struct_specifier body: (_)) declarator: (_) @declarator) @struct
(type_definition type: (union_specifier body: (_)) declarator: (_) @declarator) @struct
(type_definition type: (enum_specifier body: (_)) declarator: (_) @declarator) @enum
(type_definition declarator: (_) @declarator) @type
(preproc_def name: (identifier) @name) @macro
(preproc_function_def name: (identifier) @name) @macro
(declaration declarator: (_) @declarator) @constant
