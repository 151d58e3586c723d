// Tells MKL that it runs on an Intel CPU, so that it takes its AVX2 and AVX-512 kernels on others too. MKL documents
// no such switch; the peer that is started with this library has "+mkl" in its name.
int mkl_serv_intel_cpu_true(void) { return 1; }
