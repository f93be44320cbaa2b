/* SPDX-License-Identifier: Apache-2.0 */
/* edgernn_matvec_s8s16 for 64-bit Arm: Raspberry Pi 3 and later, phones. */
#ifndef EDGERNN_MATVEC_S8S16_NEON_H
#define EDGERNN_MATVEC_S8S16_NEON_H

#include <arm_neon.h>
#include <stdint.h>

/* Four activations in the order of the weights, 0, 2, 1, 3, twice. */
static inline int16x8_t edgernn_column_neon(const int16_t *x) {
  static const uint8_t order[16] = {0, 1, 4, 5, 2, 3, 6, 7, 0, 1, 4, 5, 2, 3, 6, 7};
  const int8x16_t four = vreinterpretq_s8_s16(vcombine_s16(vld1_s16(x), vdup_n_s16(0)));
  return vreinterpretq_s16_s8(vqtbl1q_s8(four, vld1q_u8(order)));
}

/* Sums by column of the group, for each row of a block. */
typedef struct {
  int32x4_t row[4];
} edgernn_block_neon;

static inline void edgernn_step_neon(edgernn_block_neon *sum, const int8_t *w, int16x8_t four) {
  const int8x16_t all = vld1q_s8(w);
  const int16x8_t first = vmovl_s8(vget_low_s8(all)), second = vmovl_high_s8(all);
  sum->row[0] = vmlal_s16(sum->row[0], vget_low_s16(first), vget_low_s16(four));
  sum->row[1] = vmlal_high_s16(sum->row[1], first, four);
  sum->row[2] = vmlal_s16(sum->row[2], vget_low_s16(second), vget_low_s16(four));
  sum->row[3] = vmlal_high_s16(sum->row[3], second, four);
}

static inline edgernn_block_neon edgernn_zero_neon(void) {
  edgernn_block_neon sum;
  sum.row[0] = sum.row[1] = sum.row[2] = sum.row[3] = vdupq_n_s32(0);
  return sum;
}

static inline void edgernn_rows_neon(int32_t *acc, const int32_t *bias, const edgernn_block_neon *sum) {
  const int32x4_t first = vpaddq_s32(sum->row[0], sum->row[1]), second = vpaddq_s32(sum->row[2], sum->row[3]);
  vst1q_s32(acc, vaddq_s32(vld1q_s32(bias), vpaddq_s32(first, second)));
}

static inline void edgernn_matvec_s8s16(int32_t *acc, const int8_t *w, const int32_t *bias, const int16_t *x,
                                        int row_blocks, int column_groups) {
  const int16_t *const end = x + column_groups * 4;
  const long block = 16L * column_groups; /* bytes of a row block */
  /* Three row blocks share what is done to the activations. */
  for (; row_blocks >= 3; row_blocks -= 3, w += 2 * block, acc += 12, bias += 12) {
    edgernn_block_neon a = edgernn_zero_neon(), b = a, c = a;
    for (const int16_t *column = x; column != end; column += 4, w += 16) {
      const int16x8_t four = edgernn_column_neon(column);
      edgernn_step_neon(&a, w, four);
      edgernn_step_neon(&b, w + block, four);
      edgernn_step_neon(&c, w + 2 * block, four);
    }
    edgernn_rows_neon(acc, bias, &a);
    edgernn_rows_neon(acc + 4, bias + 4, &b);
    edgernn_rows_neon(acc + 8, bias + 8, &c);
  }
  for (; row_blocks; --row_blocks, acc += 4, bias += 4) {
    edgernn_block_neon a = edgernn_zero_neon();
    for (const int16_t *column = x; column != end; column += 4, w += 16)
      edgernn_step_neon(&a, w, edgernn_column_neon(column));
    edgernn_rows_neon(acc, bias, &a);
  }
}

#endif
