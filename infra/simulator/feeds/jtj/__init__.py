"""Transport bureau (交通局): one module per feed."""
