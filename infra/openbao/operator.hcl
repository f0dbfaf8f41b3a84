# What the person may do who rotates the key-encryption key and destroys old epochs (which makes erasures final).
# Not: wrap or unwrap a data key.
path "transit/keys/data-keys" {
  capabilities = ["read"]
}
path "transit/keys/data-keys/rotate" {
  capabilities = ["update"]
}
path "transit/keys/data-keys/config" {
  capabilities = ["update"]
}
path "transit/keys/data-keys/trim" {
  capabilities = ["update"]
}
# The keyed digest of a value as OpenBao's audit log writes it, so that `make kms-audit` can name the key that was opened.
path "sys/audit-hash/*" {
  capabilities = ["update"]
}
