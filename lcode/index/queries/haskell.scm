(declarations (signature name: (_) @name) @function)
(declarations (function name: (_) @name) @function)
(declarations (function (infix operator: (_) @name)) @function)
(declarations (bind name: (_) @name) @function)
(class_declarations (signature name: (_) @name) @member)
(data_type name: (_) @name) @class
(newtype name: (_) @name) @class
(type_synonym name: (_) @name) @type
(class name: (_) @name) @interface
(instance name: (_) @name) @impl
(data_constructor (_ name: (constructor) @name)) @member
(newtype_constructor name: (constructor) @name) @member
(field name: (_) @name) @member
(pattern_synonym (equation synonym: (apply function: (_) @name))) @function
