"""Register of market entities (工商局): one module per feed."""
