vcl 4.1;
# Varnish before the web server of a repository: varnishd -a :80 -f /etc/varnish/slipway.vcl -s malloc,1g

backend origin { .host = "127.0.0.1"; .port = "8080"; }

sub vcl_recv {
    if (req.method != "GET" && req.method != "HEAD") { return (synth(405)); }
    # Files: nothing about a request makes another answer.
    unset req.http.Cookie;
    set req.url = regsub(req.url, "\?.*$", "");
    return (hash);
}

sub vcl_backend_response {
    unset beresp.http.Set-Cookie;
    if (beresp.status != 200) {
        # What is not there yet may be there in a moment: a 404 must not outlive its publication.
        set beresp.ttl = 0s;
        set beresp.uncacheable = true;
        return (deliver);
    }
    if (bereq.url ~ "^/(metadata/timestamp\.json$|director/)") {
        set beresp.ttl = 30s;
        set beresp.grace = 0s;
    } else {
        set beresp.ttl = 7d;
    }
}
