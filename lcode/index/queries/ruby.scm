(class name: (_) @name) @class
(module name: (_) @name) @module
(method name: (_) @name) @function
(singleton_method name: (_) @name) @function
(assignment left: (constant) @name) @constant
(alias name: (_) @name) @member
(call method: (identifier) @word arguments: (argument_list (simple_symbol) @name)
  (#any-of? @word "attr_accessor" "attr_reader" "attr_writer" "define_method")) @member
(call method: (identifier) @word arguments: (argument_list . (simple_symbol) @name)
  (#any-of? @word "alias_method" "scope")) @member
