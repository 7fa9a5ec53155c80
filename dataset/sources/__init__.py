"""What people have: caption files in the forms of other collections and tools, read as entries of captions.jsonl."""
