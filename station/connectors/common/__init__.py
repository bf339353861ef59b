"""What all connectors share: the pipes to the station, output, values, reasons."""
