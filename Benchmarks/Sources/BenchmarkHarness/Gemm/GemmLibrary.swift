import Foundation

/// Computes `C = A B` on contiguous row-major matrices and returns 0, or an error's number.
typealias GemmCall =
    @Sendable (GemmShape, UnsafePointer<Float>, UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Int32

/// A library of the user's that multiplies f32 matrices.
struct GemmLibrary: Sendable {
    /// The interface to call.
    enum Interface: Sendable {
        /// `cblas_sgemm`, which OpenBLAS, MKL, AOCL, BLIS and Accelerate have.
        case cblas
        /// `dnnl_sgemm` of oneDNN.
        case oneDNN
    }

    /// The name in tables.
    var name: String
    /// What the library says of itself.
    let version: String
    /// Where it lies.
    let path: String
    private let sgemm: GemmCall
    private let setThreads: (@Sendable (Int) -> Void)?

    /// Opens the library at `path`.
    ///
    /// - Throws: ``ContestantFailure`` if it cannot be opened or lacks the interface.
    init(path: String, interface: Interface) throws(ContestantFailure) {
        let library = try SharedLibrary(path: path)
        let file = URL(fileURLWithPath: path).lastPathComponent
        self.path = path
        switch interface {
        case .cblas:
            guard let call = library.cblasCall else {
                throw ContestantFailure("\(file) has no function cblas_sgemm: it should be a CBLAS library")
            }
            sgemm = call
            (name, version) = library.cblasIdentity ?? (file, "unknown version")
        case .oneDNN:
            guard let call = library.oneDNNCall else {
                throw ContestantFailure("\(file) has no function dnnl_sgemm: it should be oneDNN's library")
            }
            sgemm = call
            (name, version) = ("oneDNN", library.oneDNNVersion ?? "unknown version")
        }
        setThreads = library.threadSetter
    }

    /// Sets the number of threads of the calls that follow.
    ///
    /// - Throws: ``ContestantFailure`` if the library has no known function for that.
    func use(threads: Int) throws(ContestantFailure) {
        guard let setThreads else {
            throw ContestantFailure("its number of threads cannot be set: it has none of the known functions")
        }
        setThreads(threads)
    }

    /// Computes `C = A B` on contiguous matrices.
    ///
    /// - Throws: ``ContestantFailure`` if the library reports an error.
    func multiply(
        _ shape: GemmShape, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ c: UnsafeMutablePointer<Float>
    ) throws(ContestantFailure) {
        let status = sgemm(shape, a, b, c)
        if status != 0 { throw ContestantFailure("it refused the product with status \(status)") }
    }
}
