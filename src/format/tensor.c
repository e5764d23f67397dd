/* tensor.c: a tensor's rows as floats, wherever and however they are stored. */
#include "format/file.h"
#include "format/quant.h"

static size_t bytes_of(const heta_i_tensor *tensor, size_t elements) {
  return elements / heta_i_type_block(tensor->type) * heta_i_type_block_bytes(tensor->type);
}

static size_t stored_row(const heta_i_view *view, size_t row) {
  if (!view || !view->group) return row;
  size_t within = row % view->group;
  if (view->woven) within = within / 2 + (within % 2 ? view->group / 2 : 0);
  return view->start + row / view->group * view->stride + within;
}

/* A stored row holds one column: its entries of up to STRIP neighbouring rows are expanded at once.
 */
static void transposed_rows(const heta_i_tensor *tensor, size_t first, size_t count, float *out) {
  enum { STRIP = 64 };
  float strip[STRIP];
  size_t columns = tensor->shape[0], rows = tensor->shape[1];
  for (size_t at = 0; at < count; at += STRIP) {
    size_t height = count - at < STRIP ? count - at : STRIP;
    for (size_t c = 0; c < columns; c++) {
      heta_i_expand(tensor->type, tensor->data + bytes_of(tensor, c * rows + first + at), height,
                    strip);
      for (size_t r = 0; r < height; r++) out[(at + r) * columns + c] = strip[r];
    }
  }
}

void heta_i_tensor_rows(const heta_i_tensor *tensor, size_t first, size_t count, float *out) {
  const heta_i_view *view = tensor->view;
  bool vector = tensor->dims == 1;
  size_t columns = tensor->shape[0];
  if (vector && view) { /* its entries are the rows of a view */
    first *= columns;
    count *= columns;
    columns = 1;
  }
  if (view && view->transposed && !vector)
    transposed_rows(tensor, first, count, out);
  else if (!view || !view->group)
    heta_i_expand(tensor->type, tensor->data + bytes_of(tensor, first * columns), count * columns,
                  out);
  else
    for (size_t r = 0; r < count; r++)
      heta_i_expand(tensor->type,
                    tensor->data + bytes_of(tensor, stored_row(view, first + r) * columns), columns,
                    out + r * columns);
  if (view && view->plus != 0)
    for (size_t i = 0; i < count * columns; i++) out[i] += view->plus;
}

uint64_t heta_i_tensor_row_offset(const heta_i_tensor *tensor, size_t row) {
  const heta_i_view *view = tensor->view;
  bool vector = tensor->dims == 1;
  size_t columns = vector || (view && view->transposed) ? 1 : tensor->shape[0];
  return tensor->offset + bytes_of(tensor, stored_row(view, row) * columns);
}
