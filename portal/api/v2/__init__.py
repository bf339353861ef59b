"""The API that the public client speaks. Source: contract/v2-api.md."""
