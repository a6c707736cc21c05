; @word.SET has to be one of the words of that set, see outline.py: predicates of queries are slow.
(attribute (attribute_name) @word.id (quoted_attribute_value (attribute_value) @name)) @member
(script_element (start_tag (attribute (quoted_attribute_value (attribute_value) @word.typescript))) (raw_text) @inject.typescript)
(script_element (raw_text) @inject.javascript)
(style_element (raw_text) @inject.css)
