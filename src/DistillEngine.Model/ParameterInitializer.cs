using DistillEngine.Core;

namespace DistillEngine.Model;

/// <summary>Initial values as functions of (seed, parameter, element).</summary>
static class ParameterInitializer
{
    // Elements drawn on the host at a time; a whole 11B parameter would double the memory.
    const int ChunkRows = 4096;

    public static void Fill(ParameterStore parameters, IDevice device, float factor, ulong seed)
    {
        float[] host = [];
        for (int i = 0; i < parameters.Specs.Count; i++)
        {
            ParameterSpec spec = parameters.Specs[i];
            Tensor value = parameters.Value(new ParameterId(i));
            uint key = CounterRng.SiteKey(seed, 0, i);
            for (int row = 0; row < value.Shape.D0; row += ChunkRows)
            {
                Tensor chunk = value.Rows(row, Math.Min(ChunkRows, value.Shape.D0 - row));
                int count = checked((int)chunk.Count);
                if (host.Length < count) host = new float[count];
                Span<float> values = host.AsSpan(0, count);
                if (spec.Initializer == Initializer.Ones) values.Fill(factor);
                else Normal(CounterRng.Key(key, (uint)row), spec.StandardDeviation, values);
                device.Upload<float>(values, chunk);
            }
        }
    }

    // Box–Muller: two normal numbers from two uniform ones.
    static void Normal(uint key, double deviation, Span<float> values)
    {
        for (int i = 0; i < values.Length; i += 2)
        {
            double radius = deviation * Math.Sqrt(-2 * Math.Log((CounterRng.Draw(key, (uint)i) + 1.0) / 4294967297.0));
            double angle = 2 * Math.PI * CounterRng.Draw(key, (uint)i + 1) / 4294967296.0;
            values[i] = (float)(radius * Math.Cos(angle));
            if (i + 1 < values.Length) values[i + 1] = (float)(radius * Math.Sin(angle));
        }
    }
}
