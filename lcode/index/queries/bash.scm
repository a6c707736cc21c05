(function_definition name: (word) @name) @function
(variable_assignment name: (variable_name) @name) @constant
(command name: (command_name) @word argument: (_) @name (#eq? @word "alias")) @member
(subshell) @barrier
(command_substitution) @barrier
