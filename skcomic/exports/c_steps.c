/* part: read_row */
/* Copy a row to where the first step takes it. */
static void skcomic_read_row(const float *row)
{
    for (int i = 0; i < SKCOMIC_N_PIXELS; i++)
        skcomic_a[i] = row[i];
}

/* part: read_grey */
/* The pixels along a side of which one of the result is the mean, and the weight of each. */
typedef struct {
    int start, n;
    int32_t weight;
} skcomic_window;

static skcomic_window skcomic_find(int place, int n_places, int n_pixels)
{
    const double scale = (double)n_pixels / n_places, span = scale < 1.0 ? 1.0 : scale;
    const double centre = (place + 0.5) * scale, inverse = 1.0 / span;
    int start = (int)(centre - 0.5 * span + 0.5), end = (int)(centre + 0.5 * span + 0.5);
    skcomic_window window;

    if (end > n_pixels)
        end = n_pixels;
    while ((start - centre + 0.5) * inverse <= -0.5)
        start++;
    while ((end - 1 - centre + 0.5) * inverse > 0.5)
        end--;
    window.start = start;
    window.n = end - start;
    window.weight = (int32_t)(0.5 + 1.0 / window.n * (1 << 22));
    return window;
}

static int32_t skcomic_round(int32_t sum)
{
    return sum >> 22 > 255 ? 255 : sum >> 22;
}

/* The mean of rounded means, along one side of a rectangle, of what is along the other side. */
static int32_t skcomic_mean(const uint8_t *corner, skcomic_window first, size_t first_step,
                            skcomic_window second, size_t second_step)
{
    int32_t sum = 1 << 21;

    for (int j = 0; j < second.n; j++) {
        const uint8_t *pixel = corner + (size_t)j * second_step;
        int32_t first_sum = 1 << 21;

        for (size_t i = 0; i < (size_t)first.n * first_step; i += first_step)
            first_sum += first.weight * pixel[i];
        sum += second.weight * skcomic_round(first_sum);
    }
    return skcomic_round(sum);
}

/* The mean of a rectangle of fewer than 2^24 pixels, times their reciprocal of 24 bits. */
static int32_t skcomic_reduce(const uint8_t *corner, int down, int across, size_t width)
{
    const uint32_t area = (uint32_t)down * (uint32_t)across;
    uint32_t sum = area / 2;

    for (int y = 0; y < down; y++)
        for (int x = 0; x < across; x++)
            sum += corner[(size_t)y * width + (size_t)x];
    return (int32_t)(sum * ((1U << 24) / area) >> 24);
}

/* Resize a grey image to where the first step takes it, as the box filter of Pillow 13 does. If
   pixels cover whole numbers of pixels, they are means that are rounded once, as of its `reduce`;
   else, with weights of 22 bits, they are rounded across and down; down comes first of high
   images. */
static void skcomic_read_grey(const uint8_t *grey, int width, int height)
{
    const int is_whole = height % SKCOMIC_HEIGHT == 0 && width % SKCOMIC_WIDTH == 0;
    const int is_high = height > SKCOMIC_HEIGHT &&
                        height - SKCOMIC_HEIGHT > (int64_t)2 * (width - SKCOMIC_WIDTH);

    for (int i = 0; i < SKCOMIC_N_PIXELS; i++) {
        const skcomic_window down = skcomic_find(i / SKCOMIC_WIDTH, SKCOMIC_HEIGHT, height);
        const skcomic_window across = skcomic_find(i % SKCOMIC_WIDTH, SKCOMIC_WIDTH, width);
        const uint8_t *corner = grey + (size_t)down.start * (size_t)width + across.start;
        int32_t level;

        if (is_whole)
            level = skcomic_reduce(corner, down.n, across.n, (size_t)width);
        else if (is_high)
            level = skcomic_mean(corner, down, (size_t)width, across, 1);
        else
            level = skcomic_mean(corner, across, 1, down, (size_t)width);
        skcomic_a[i] = (float)level / 255.0f;
    }
}

/* part: image */
/* Put zeros after a row that is shorter than an image. */
static void skcomic_image(float *values, int n_before, int n_after)
{
    for (int i = n_before; i < n_after; i++)
        values[i] = 0.0f;
}

/* part: mirror */
/* Exchange left and right of an image of one channel. */
static void skcomic_mirror(float *image, int height, int width)
{
    for (int y = 0; y < height; y++, image += width) {
        for (int x = 0; x < width / 2; x++) {
            const float left = image[x];

            image[x] = image[width - 1 - x];
            image[width - 1 - x] = left;
        }
    }
}

/* part: convolution */
/* A kernel at one place, plus an offset for each channel. */
static void skcomic_convolution(const float *image, int height, int width, int n_inputs,
                                const skcomic_weight *kernel, int rows, int columns,
                                const float *offset, int n_outputs, int same, int y, int x,
                                float *result)
{
    const int top = same ? y - (rows - 1) / 2 : y, left = same ? x - (columns - 1) / 2 : x;
    const int n_weights = n_inputs * n_outputs;

    for (int j = 0; j < n_outputs; j++)
        result[j] = offset[j];
    for (int row = top; row < top + rows; row++) {
        for (int column = left; column < left + columns; column++, kernel += n_weights) {
            if (row < 0 || row >= height || column < 0 || column >= width)
                continue;
            for (int i = 0; i < n_inputs; i++) {
                const float value = image[(row * width + column) * n_inputs + i];

                for (int j = 0; j < n_outputs; j++)
                    result[j] += value * (float)kernel[i * n_outputs + j];
            }
        }
    }
}

/* part: max_pooling */
/* Keep the largest values of the pixels of a square, which come one by one. */
static void skcomic_max_pooling(const float *pixel, int n_channels, int is_first, float *result)
{
    for (int j = 0; j < n_channels; j++) {
        const float most = is_first ? pixel[j] : result[j];

        result[j] = pixel[j] > most ? pixel[j] : most;
    }
}

/* part: average_pooling */
/* Add up to the mean of the pixels of a square, which come one by one. */
static void skcomic_average_pooling(const float *pixel, int n_channels, int is_first, int side,
                                    float *result)
{
    for (int j = 0; j < n_channels; j++)
        result[j] = (is_first ? 0.0f : result[j]) + pixel[j] / (float)(side * side);
}

/* part: affine */
/* Each channel times its scale, plus its offset. */
static void skcomic_affine(float *values, int n_values, const float *scale, const float *offset,
                           int n_channels)
{
    for (int i = 0; i < n_values; i++)
        values[i] = values[i] * scale[i % n_channels] + offset[i % n_channels];
}

/* part: rescale */
/* The values of each channel, `run` in succession, times the scale of its weights. */
static void skcomic_rescale(float *values, int n_values, const float *scale, int run)
{
    for (int i = 0; i < n_values; i++)
        values[i] *= scale[i / run];
}

/* part: standardise */
/* Each feature less its mean, divided by its scale. */
static void skcomic_standardise(float *values, int n_values, const float *mean, const float *scale)
{
    for (int i = 0; i < n_values; i++)
        values[i] = (values[i] - mean[i]) / scale[i];
}

/* part: relu */
static void skcomic_relu(float *values, int n_values)
{
    for (int i = 0; i < n_values; i++)
        values[i] = values[i] > 0.0f ? values[i] : 0.0f;
}

/* part: dense */
static void skcomic_dense(const float *values, int n_inputs, const skcomic_weight *weights,
                          const float *offset, int n_outputs, float *result)
{
    for (int j = 0; j < n_outputs; j++)
        result[j] = 0.0f;
    for (int i = 0; i < n_inputs; i++, weights += n_outputs)
        for (int j = 0; j < n_outputs; j++)
            result[j] += values[i] * (float)weights[j];
    for (int j = 0; j < n_outputs; j++)
        result[j] += offset[j];
}

/* part: gradients */
/* Sum the gradients of a cell by their directions, of which opposite gradients have the same. */
static void skcomic_histogram(const float *image, int height, int width, int top, int left,
                              int cell_size, int orientations, double *histogram)
{
    for (int k = 0; k < orientations; k++)
        histogram[k] = 0.0;
    for (int i = 0; i < cell_size * cell_size; i++) {
        const int y = top + i / cell_size, x = left + i % cell_size;
        const float *pixel = image + y * width + x;
        const int has_down = y > 0 && y < height - 1, has_across = x > 0 && x < width - 1;
        const double down = has_down ? (double)(pixel[width] - pixel[-width]) : 0.0;
        const double across = has_across ? (double)(pixel[1] - pixel[-1]) : 0.0;
        const double length = sqrt(down * down + across * across);

        if (length > 0.0) {
            /* In degrees; straight up is the same direction as straight down. */
            double angle = across == 0.0 ? 90.0 : atan(down / across) * 57.29577951308232;
            int direction;

            angle = angle < 0.0 ? angle + 180.0 : angle;
            direction = (int)(angle * orientations / 180.0);
            histogram[direction % orientations] += length;
        }
    }
}

/* Divide a block by its length. */
static void skcomic_normalise(float *block, int n_values)
{
    float squares = 1e-10f;

    for (int i = 0; i < n_values; i++)
        squares += block[i] * block[i];
    for (int i = 0; i < n_values; i++)
        block[i] /= sqrtf(squares);
}

/* Histograms of oriented gradients: each cell once, copied to all blocks that have it. */
static void skcomic_gradients(const float *image, int height, int width, int cell_size,
                              int block_size, int orientations, double *histogram, float *result)
{
    const int down = height / cell_size - block_size + 1;
    const int across = width / cell_size - block_size + 1;
    const int n_cells = block_size * block_size, n_values = n_cells * orientations;

    for (int y = 0; y < height / cell_size; y++)
        for (int x = 0; x < width / cell_size; x++) {
            skcomic_histogram(image, height, width, y * cell_size, x * cell_size, cell_size,
                              orientations, histogram);
            for (int i = 0; i < n_cells; i++) {
                const int row = y - i / block_size, column = x - i % block_size;

                if (row < 0 || row >= down || column < 0 || column >= across)
                    continue;
                for (int k = 0; k < orientations; k++)
                    result[(row * across + column) * n_values + i * orientations + k] =
                        (float)(histogram[k] / (cell_size * cell_size));
            }
        }
    for (int i = 0; i < down * across; i++, result += n_values) {
        skcomic_normalise(result, n_values);
        for (int k = 0; k < n_values; k++)
            result[k] = result[k] < 0.2f ? result[k] : 0.2f;
        skcomic_normalise(result, n_values);
    }
}

/* part: patches */
/* Copy a patch, and give it a mean of 0 and a variance near 1. */
static void skcomic_read_patch(const float *corner, int width, int side, float *patch)
{
    const int n_pixels = side * side;
    float sum = 0.0f, squares = 0.0f;

    for (int i = 0; i < n_pixels; i++) {
        patch[i] = corner[i / side * width + i % side];
        sum += patch[i];
    }
    for (int i = 0; i < n_pixels; i++) {
        patch[i] -= sum / (float)n_pixels;
        squares += patch[i] * patch[i];
    }
    for (int i = 0; i < n_pixels; i++)
        patch[i] /= sqrtf(squares / (float)n_pixels + 0.01f);
}

/* Mean positive and negative parts of the responses of filters, in each field of a grid. */
static void skcomic_patches(const float *image, int height, int width,
                            const skcomic_weight *filters, int side, const float *offsets,
                            int n_filters, int grid, float *patch, float *result)
{
    const int down = height - side + 1, across = width - side + 1, n_fields = grid * grid;

    for (int i = 0; i < n_filters * 2 * n_fields; i++)
        result[i] = 0.0f;
    for (int place = 0; place < down * across; place++) {
        const int y = place / across, x = place % across;
        const int row = y * grid / down, column = x * grid / across;
        /* Field k is from ceil(k * length / grid) to before ceil((k + 1) * length / grid). */
        const int n_rows = ((row + 1) * down + grid - 1) / grid - (row * down + grid - 1) / grid;
        const int n_columns =
            ((column + 1) * across + grid - 1) / grid - (column * across + grid - 1) / grid;
        const skcomic_weight *weights = filters;

        skcomic_read_patch(image + y * width + x, width, side, patch);
        for (int j = 0; j < n_filters; j++, weights += side * side) {
            float response = offsets[j], *means = result + j * 2 * n_fields + row * grid + column;

            for (int i = 0; i < side * side; i++)
                response += patch[i] * (float)weights[i];
            response /= (float)(n_rows * n_columns);
            if (response > 0.0f)
                means[0] += response;
            else
                means[n_fields] -= response;
        }
    }
}

/* part: average */
/* Keep the scores of an image; of its mirror image, take the means of both. */
static void skcomic_average(const float *values, int n_values, int is_mirrored, float *scores)
{
    for (int i = 0; i < n_values; i++)
        scores[i] = is_mirrored ? (scores[i] + values[i]) / 2.0f : values[i];
}

/* part: softmax */
static void skcomic_softmax(float *scores, int n_classes)
{
    double most = scores[0], sum = 0.0;

    for (int j = 1; j < n_classes; j++)
        most = scores[j] > most ? scores[j] : most;
    for (int j = 0; j < n_classes; j++)
        sum += exp(scores[j] - most);
    for (int j = 0; j < n_classes; j++)
        scores[j] = (float)(exp(scores[j] - most) / sum);
}

/* part: sigmoid */
/* One score, of the second class, to two probabilities. */
static void skcomic_sigmoid(float *scores)
{
    scores[1] = scores[0];
    scores[0] = 0.0f;
    skcomic_softmax(scores, 2);
}

/* part: one_vs_rest */
/* Scores of each class against the others: their sigmoids, divided by the sum. */
static void skcomic_one_vs_rest(float *scores, int n_classes)
{
    for (int j = 0; j < n_classes; j++)
        scores[j] = (float)(fmin(scores[j], 0.0) - log1p(exp(-fabs(scores[j]))));
    skcomic_softmax(scores, n_classes);
}

/* part: temperature */
/* Divide logarithms of probabilities; what is 0 is as small as a float can tell. */
static void skcomic_temperature(float *probabilities, int n_classes, double temperature)
{
    double most = 0.0, sum = 0.0;

    for (int j = 0; j < n_classes; j++) {
        if (probabilities[j] < 0x1p-23f)
            probabilities[j] = 0x1p-23f;
        most = probabilities[j] > most ? probabilities[j] : most;
    }
    for (int j = 0; j < n_classes; j++)
        sum += pow(probabilities[j] / most, 1.0 / temperature);
    for (int j = 0; j < n_classes; j++)
        probabilities[j] = (float)(pow(probabilities[j] / most, 1.0 / temperature) / sum);
}

/* part: predict_row */
int skcomic_predict_row(const float *row, float *probabilities)
{
    if (row == NULL || probabilities == NULL)
        return -1;
    for (int pass = 0; pass < SKCOMIC_N_PASSES; pass++) {
        skcomic_read_row(row);
        skcomic_score(pass, probabilities);
    }
    skcomic_finish(probabilities);
    return 0;
}

/* part: predict */
int skcomic_predict(const uint8_t *grey, int width, int height, float *probabilities)
{
    if (grey == NULL || probabilities == NULL)
        return -1;
    if (width < 1 || height < 1)
        return -2;
    for (int pass = 0; pass < SKCOMIC_N_PASSES; pass++) {
        skcomic_read_grey(grey, width, height);
        skcomic_score(pass, probabilities);
    }
    skcomic_finish(probabilities);
    return 0;
}
