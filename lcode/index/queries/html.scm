(element (start_tag (attribute (attribute_name) @word (quoted_attribute_value (attribute_value) @name)))
  (#eq? @word "id")) @member
(element (self_closing_tag (attribute (attribute_name) @word (quoted_attribute_value (attribute_value) @name)))
  (#eq? @word "id")) @member
(script_element (start_tag (attribute (attribute_name) @word (quoted_attribute_value (attribute_value) @name)))
  (#eq? @word "id")) @member
(script_element (start_tag (attribute (quoted_attribute_value (attribute_value) @word))) (raw_text) @inject.typescript
  (#any-of? @word "ts" "tsx" "typescript"))
(script_element (raw_text) @inject.javascript)
(style_element (raw_text) @inject.css)
