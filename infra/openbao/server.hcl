# OpenBao of a deployment: data on its own volume, unsealed by a key file that only this container sees.
storage "raft" {
  path    = "/openbao/file"
  node_id = "1"
}
listener "tcp" {
  address       = "0.0.0.0:8200"
  tls_cert_file = "/run/secrets/app/cert.pem"
  tls_key_file  = "/run/secrets/app/key.pem"
}
# For this container alone: a new token by the recovery key (infra/openbao/new_token.py). The outer listener refuses such requests.
listener "tcp" {
  address                                 = "127.0.0.1:8210"
  tls_disable                             = true
  disable_unauthed_generate_root_endpoints = false
}
seal "static" {
  current_key_id = "1"
  current_key    = "file:///run/secrets/app/unseal.key"
}
api_addr     = "https://openbao:8200"
cluster_addr = "https://openbao:8201"
# Every call, to the container's own output: `make kms-audit` compares it with what the keyring noted (docs/operations/kms-audit.md).
audit "file" "calls" {
  options {
    file_path = "stdout"
  }
}
