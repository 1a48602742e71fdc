import Hummingbird
import NIOCore

extension ResponseBody {
    /// The same body, each piece of which waits until the one before has come to the connection's event loop. Only there is
    /// it noticed that the connection takes no more for now; who writes faster than the loop comes round would pile up a
    /// file in memory for each peer that does not read.
    func paced(by loop: any EventLoop) -> ResponseBody {
        let body = self
        return ResponseBody(contentLength: contentLength) { writer in
            try await body.write(
                writer.map { piece in
                    try await loop.submit {}.get()
                    return piece
                })
        }
    }
}
