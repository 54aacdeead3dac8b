"""Publishes the events of boards to an MQTT broker."""
