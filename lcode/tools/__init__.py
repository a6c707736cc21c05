"""What the model can do: one module and one description a tool."""
