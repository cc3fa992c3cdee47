"""A recipe is one YAML file in the keys of stock TRL: read, checked, turned into arguments."""
