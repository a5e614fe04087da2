"""The services of Fengqiao and the chassis that they share."""
