"""Food and market supervision (食药监局): one module per feed."""
