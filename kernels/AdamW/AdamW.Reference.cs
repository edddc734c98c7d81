namespace DistillEngine.Kernels;

/// <summary>The oracle of <see cref="AdamW"/>: the formulas as written, in double. An update has no gradient of its own.</summary>
public static class AdamWReference
{
    /// <summary>Updates values, m and v in place.</summary>
    public static void Update(double[] gradients, double gradientNorm, in AdamWStep step, double[] values, double[] m, double[] v)
    {
        double clip = step.Clip > 0 ? Math.Min(1, step.Clip / (gradientNorm + 1e-6)) : 1;
        double correction1 = 1 - Math.Pow(step.Beta1, step.Step);
        double correction2 = 1 - Math.Pow(step.Beta2, step.Step);
        for (int i = 0; i < values.Length; i++)
        {
            double g = clip * gradients[i];
            m[i] = step.Beta1 * m[i] + (1 - step.Beta1) * g;
            v[i] = step.Beta2 * v[i] + (1 - step.Beta2) * g * g;
            if (step.Form == AdamWForm.Torch)
            {
                values[i] -= step.LearningRate * step.WeightDecay * values[i];
                values[i] -= step.LearningRate * (m[i] / correction1) / (Math.Sqrt(v[i] / correction2) + step.Epsilon);
            }
            else
            {
                values[i] -= step.LearningRate * Math.Sqrt(correction2) / correction1 * m[i] / (Math.Sqrt(v[i]) + step.Epsilon);
                values[i] -= step.LearningRate * step.WeightDecay * values[i];
            }
        }
    }
}
