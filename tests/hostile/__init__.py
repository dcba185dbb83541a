"""What somebody who means harm would try, kept: files, addresses, and machines that fail."""
