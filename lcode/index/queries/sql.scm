(create_table (object_reference) @name) @struct
(create_view (object_reference) @name) @struct
(create_materialized_view (object_reference) @name) @struct
(create_type (object_reference) @name) @type
(create_function (object_reference) @name) @function
(create_procedure (object_reference) @name) @function
(create_trigger . (_)* . (keyword_trigger) . (object_reference) @name) @function
(create_sequence (object_reference) @name) @constant
(create_schema (identifier) @name) @constant
(create_index column: (identifier) @name) @constant
