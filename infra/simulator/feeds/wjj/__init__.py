"""Health (卫生和计划生育局): one module per feed."""
