"""Model files and what is known of each: name, bytes, hash, licence."""
