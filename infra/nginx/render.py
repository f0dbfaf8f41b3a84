"""`python -m infra.nginx.render > infra/nginx/default.conf`: nginx's routes from the one table in infra/routes.py."""

from infra.compose.secrets import HOSTS
from infra.nginx import refusals
from infra.routes import ROUTES
from shared.contracts.records import ServiceName
from shared.http.middleware import MAX_HEADER_BYTES

SLOW_SECONDS = 1_800
"""as long as audit_log lets a report take"""
HSTS = 'add_header Strict-Transport-Security "max-age=31536000" always;'
HEAD = f"""# Written by infra/nginx/render.py from infra/routes.py: change those, not this.
server_tokens off;
client_body_temp_path /tmp/body;
proxy_temp_path /tmp/proxy;
fastcgi_temp_path /tmp/fastcgi;
uwsgi_temp_path /tmp/uwsgi;
scgi_temp_path /tmp/scgi;
access_log off;  # paths carry client ids; each access stands in the ledger
error_log stderr crit;  # below that it quotes request lines, which carry ids, and codes of signing in
resolver 127.0.0.11 valid=10s;
resolver_timeout 5s;
proxy_ssl_trusted_certificate /run/secrets/app/ca.pem;
proxy_ssl_verify on;
proxy_ssl_server_name on;
proxy_ssl_protocols TLSv1.3;
proxy_http_version 1.1;
proxy_set_header Host $host;
proxy_set_header X-Forwarded-Proto https;
proxy_read_timeout 30s;
client_max_body_size {refusals.MAX_BODY};
large_client_header_buffers 4 {MAX_HEADER_BYTES};  # beyond it the services refuse themselves
"""
SERVER = f"""
server {{
  listen 8443 ssl;
  ssl_certificate /run/secrets/app/cert.pem;
  ssl_certificate_key /run/secrets/app/key.pem;
  ssl_protocols TLSv1.2 TLSv1.3;
  {HSTS}
"""


def upstream(service: ServiceName) -> str:
    host = HOSTS[service]
    return f"set $to {host}; proxy_ssl_name {host}; proxy_pass https://$to:8000;"


def render() -> str:
    lines = [HEAD, *refusals.maps(), SERVER, *refusals.pages(HSTS)]
    for route in ROUTES:
        action = "return 404;" if route.internal else upstream(route.service)
        if route.slow:
            action = f"proxy_read_timeout {SLOW_SECONDS}s; {action}"
        lines.append(f'  location ~ "^{route.pattern}" {{ {action} }}')
    lines.append("  location = /metrics { return 404; }")
    lines.append("  location = /health/deployment { return 404; }")
    whole = upstream(ServiceName.EHR_GATEWAY).replace(":8000;", ":8000/health/deployment;")
    lines.append(f"  location = /health/ready {{ {whole} }}")
    lines.append(f"  location / {{ {upstream(ServiceName.EHR_GATEWAY)} }}")
    lines.append("}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(render(), end="")
