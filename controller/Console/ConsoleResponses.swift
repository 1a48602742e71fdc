import Hummingbird

/// Pages with the headers that keep a browser from doing more than showing them.
enum ConsoleResponses {
    /// Nothing inline, nothing from elsewhere, no frames: text that slipped through escaping could still not run.
    static let contentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

    static func html(_ bytes: [UInt8], status: HTTPResponse.Status = .ok) -> Response {
        var response = Responses.bytes(bytes, type: "text/html; charset=utf-8", status: status)
        response.headers[.contentSecurityPolicy] = contentSecurityPolicy
        harden(&response)
        return response
    }

    static func asset(_ bytes: [UInt8], type: String) -> Response {
        var response = Responses.bytes(bytes, type: type)
        response.headers[.cacheControl] = "public, max-age=31536000, immutable"
        harden(&response)
        return response
    }

    /// What a form did is looked at: a reload asks for the page, and does nothing twice.
    static func next(_ address: String) -> Response {
        var response = Response(status: .seeOther, headers: [.location: address, .cacheControl: "no-store"])
        harden(&response)
        return response
    }

    /// Back to the home page with another cookie.
    static func home(setting cookie: String) -> Response {
        var response = Response(status: .seeOther, headers: [.location: "/", .cacheControl: "no-store"])
        response.headers[.setCookie] = cookie
        harden(&response)
        return response
    }

    /// To a server of somebody else.
    static func elsewhere(_ address: String, setting cookie: String) -> Response {
        var response = Response(status: .seeOther, headers: [.location: address, .cacheControl: "no-store"])
        response.headers[.setCookie] = cookie
        harden(&response)
        return response
    }

    private static func harden(_ response: inout Response) {
        response.headers[.xContentTypeOptions] = "nosniff"
        for (name, value) in [
            // Under `no-referrer` a browser says `null` for the origin of our own forms, and an old Safari says nothing else.
            ("Referrer-Policy", "same-origin"), ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cross-Origin-Resource-Policy", "same-origin"), ("X-Frame-Options", "DENY"),
        ] {
            if let field = HTTPFields.Element.Name(name) { response.headers[field] = value }
        }
    }
}
