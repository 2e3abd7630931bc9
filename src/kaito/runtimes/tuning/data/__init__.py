"""Files of rows, whatever their format, as samples to train on."""
