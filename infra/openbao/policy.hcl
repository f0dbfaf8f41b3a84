# What the audit-log service may do: use the key that wraps data keys, and keep its own token alive.
# Not: delete, export, rotate or configure the key, make another one (`create`), or see any other secret.
path "transit/encrypt/data-keys" {
  capabilities = ["update"]
}
path "transit/decrypt/data-keys" {
  capabilities = ["update"]
}
path "transit/rewrap/data-keys" {
  capabilities = ["update"]
}
path "transit/keys/data-keys" {
  capabilities = ["read"]
}
path "auth/token/renew-self" {
  capabilities = ["update"]
}
