#include <CKernels.h>
#include <stdio.h>

// [1 2; 3 4] times its own transpose, compared with what it is by hand.
int main(void) {
    float a[4] = {1, 2, 3, 4}, c[4] = {0};
    const float expected[4] = {5, 11, 11, 25};
    // Transposed by exchanging its strides.
    const ck_gemm_problem problem = {.batch = 1, .m = 2, .n = 2, .k = 2, .alpha = 1,
                                     .a = {.data = a, .count = 4, .row_stride = 2, .column_stride = 1},
                                     .b = {.data = a, .count = 4, .row_stride = 1, .column_stride = 2},
                                     .c = {.data = c, .count = 4, .row_stride = 2, .column_stride = 1}};
    const ck_options options = ck_options_default();
    const ck_status status = ck_gemm(CK_FUSED, &problem, &options, NULL);
    for (int i = 0; i < 4; ++i) {
        if (status != CK_OK || c[i] != expected[i]) {
            printf("C: wrong product (%s)\n", ck_status_text(status));
            return 1;
        }
    }
    printf("C: the product is exact\n");
    return 0;
}
