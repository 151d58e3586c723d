import Foundation

/// Computes `C = A B` on contiguous row-major matrices and returns 0, or an error's number.
typealias GemmCall =
    @Sendable (GemmShape, UnsafeMutableRawPointer, UnsafeMutableRawPointer, UnsafeMutableRawPointer) -> Int32

/// A library of the user's that multiplies matrices.
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
    private let calls: [GemmDType: GemmCall]
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
            calls = [.f32: call].merging(library.cblasBF16Call.map { [.bf16: $0] } ?? [:]) { $1 }
            (name, version) = library.cblasIdentity ?? (file, "unknown version")
        case .oneDNN:
            guard let call = library.oneDNNCall else {
                throw ContestantFailure("\(file) has no function dnnl_sgemm: it should be oneDNN's library")
            }
            calls = [.f32: call].merging(library.oneDNNInt8Call.map { [.i8: $0] } ?? [:]) { $1 }
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

    /// The product of matrices of a type.
    ///
    /// - Throws: ``ContestantFailure`` if the library has none, or none that is known here.
    func call(_ dtype: GemmDType) throws(ContestantFailure) -> GemmCall {
        guard let call = calls[dtype] else { throw ContestantFailure("it has no known product of \(dtype.rawValue)") }
        return call
    }
}
