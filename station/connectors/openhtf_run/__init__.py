"""The parts of the OpenHTF connector. They run in the procedure's interpreter: see `station.connectors`."""
