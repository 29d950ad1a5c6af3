package loss

import (
	"slices"

	"github.com/gradus-ml/gradus/config"
)

// Kinds lists what a field of type Config can hold.
func Kinds() []config.Kind {
	return []config.Kind{
		{Name: "cross_entropy", Default: DefaultCrossEntropy()},
		{Name: "nll", Default: DefaultNLL()},
		{Name: "multi_margin", Default: DefaultMultiMargin()},
		{Name: "bce_with_logits", Default: BCEWithLogitsConfig{}},
		{Name: "bce", Default: BCEConfig{}},
		{Name: "multi_label_margin", Default: MultiLabelMarginConfig{}},
		{Name: "multi_label_soft_margin", Default: MultiLabelSoftMarginConfig{}},
		{Name: "soft_margin", Default: SoftMarginConfig{}},
		{Name: "mse", Default: MSEConfig{}},
		{Name: "l1", Default: L1Config{}},
		{Name: "huber", Default: DefaultHuber()},
		{Name: "smooth_l1", Default: DefaultSmoothL1()},
		{Name: "gaussian_nll", Default: DefaultGaussianNLL()},
		{Name: "poisson_nll", Default: DefaultPoissonNLL()},
		{Name: "kl_div", Default: KLDivConfig{}},
		{Name: "cosine_embedding", Default: CosineEmbeddingConfig{}},
		{Name: "hinge_embedding", Default: DefaultHingeEmbedding()},
		{Name: "margin_ranking", Default: MarginRankingConfig{}},
		{Name: "triplet_margin", Default: DefaultTripletMargin()},
		{Name: "triplet_margin_with_distance", Default: DefaultTripletMarginWithDistance()},
		{Name: "categorical_focal", Default: DefaultCategoricalFocal()},
		{Name: "categorical_hinge", Default: CategoricalHingeConfig{}},
		{Name: "generalized_cross_entropy", Default: DefaultGeneralizedCrossEntropy()},
		{Name: "asymmetric_single_label", Default: DefaultAsymmetricSingleLabel()},
		{Name: "jsd_cross_entropy", Default: DefaultJSDCrossEntropy()},
		{Name: "ctc", Default: CTCConfig{}},
		{Name: "binary_focal", Default: DefaultBinaryFocal()},
		{Name: "asymmetric_multi_label", Default: DefaultAsymmetricMultiLabel()},
		{Name: "hinge", Default: HingeConfig{}},
		{Name: "squared_hinge", Default: SquaredHingeConfig{}},
		{Name: "log_cosh", Default: LogCoshConfig{}},
		{Name: "mape", Default: DefaultMAPE()},
		{Name: "msle", Default: DefaultMSLE()},
		{Name: "cosine_similarity", Default: CosineSimilarityConfig{}},
		{Name: "dice", Default: DefaultDice()},
		{Name: "tversky", Default: DefaultTversky()},
		{Name: "arc_face", Default: DefaultArcFace()},
		{Name: "cos_face", Default: DefaultCosFace()},
		{Name: "distillation", Default: DefaultDistillation()},
		{Name: "info_nce", Default: DefaultInfoNCE()},
		{Name: "siglip", Default: DefaultSigLIP()},
		{Name: "nt_xent", Default: DefaultNTXent()},
		{Name: "supervised_contrastive", Default: DefaultSupervisedContrastive()},
		{Name: "circle", Default: DefaultCircle()},
	}
}

// Values lists the reductions.
func (Reduction) Values() []string { return slices.Clone(reductions[:]) }
