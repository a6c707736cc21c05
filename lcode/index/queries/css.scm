(rule_set (selectors) @name) @block
(media_statement) @block
(supports_statement) @block
(keyframes_statement (keyframes_name) @name) @block
(class_selector (class_name) @name) @member
(id_selector (id_name) @name) @member
