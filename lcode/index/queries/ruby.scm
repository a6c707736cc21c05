(class name: (_) @name) @class
(module name: (_) @name) @module
(method name: (_) @name) @function
(singleton_method name: (_) @name) @function
(assignment left: (constant) @name) @constant
(alias name: (_) @name) @member
(call method: (identifier) @word.attributes arguments: (argument_list (simple_symbol) @name)) @member
(call method: (identifier) @word.aliases arguments: (argument_list . (simple_symbol) @name)) @member
