(function_definition name: (word) @name) @function
(variable_assignment name: (variable_name) @name) @constant
(subshell) @barrier
(command_substitution) @barrier
