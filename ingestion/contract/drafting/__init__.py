"""Parts of `contracts init`: what a sample file is (sample), holds (tables, profile, keys), and means (guess)."""
